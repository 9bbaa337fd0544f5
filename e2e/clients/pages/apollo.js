import { ApolloClient, HttpLink, InMemoryCache, gql } from "@apollo/client";

export default async ({ api, option }) => {
	const link = { uri: `${api}/graphql` };
	const client = { cache: new InMemoryCache() };
	if (option === 'credentials: "include"') link.credentials = "include";
	if (option === "useGETForQueries: true") link.useGETForQueries = true;
	if (option === "headers") link.headers = { Authorization: "Bearer token" };
	if (option === "clientAwareness") client.clientAwareness = { name: "page", version: "1" };
	const { query } = new ApolloClient({ ...client, link: new HttpLink(link) });
	const { data } = await query({ query: gql`query ($text: String) { echo(text: $text) }`, variables: { text: "hello" } });
	return data.echo;
};
