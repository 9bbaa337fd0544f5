import { GraphQLObjectType, GraphQLSchema, GraphQLString } from "graphql";
import { createHandler } from "graphql-http/lib/use/http";

const schema = new GraphQLSchema({
	query: new GraphQLObjectType({
		name: "Query",
		fields: { echo: { type: GraphQLString, args: { text: { type: GraphQLString } }, resolve: (_, { text }) => text } },
	}),
});

export const path = "/graphql";
export const handle = createHandler({ schema });
