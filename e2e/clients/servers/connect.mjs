// Connect and gRPC-web, on the same paths.
import { create, toBinary } from "@bufbuild/protobuf";
import { AnySchema, StringValueSchema, anyPack } from "@bufbuild/protobuf/wkt";
import { connectNodeAdapter } from "@connectrpc/connect-node";

import { Echo } from "./service.mjs";

const adapter = connectNodeAdapter({
	routes: (router) =>
		router.service(Echo, {
			say: ({ value }, context) => {
				context.responseHeader.set("X-Served-By", "server");
				context.responseTrailer.set("X-Cost", "1");
				return { value };
			},
			repeat: async function* ({ value }) {
				yield { value };
				yield { value };
			},
		}),
});

// A varint is enough for the lengths here.
const field = (number, bytes) => [(number << 3) | 2, bytes.length, ...bytes];
const text = (string) => new TextEncoder().encode(string);
// google.rpc.Status: code, message, details.
const details = () => {
	const detail = toBinary(AnySchema, anyPack(StringValueSchema, create(StringValueSchema, { value: "item 1" })));
	return Buffer.from([8, 5, ...field(2, text("no such item")), ...field(3, detail)]).toString("base64");
};

// fail answers without a body, as proxies and many servers do when a call fails. It
// has details if the request has more than a frame's head.
const fail = async (request, response) => {
	const header = { "Content-Type": "application/grpc-web+proto", "Grpc-Status": "5", "Grpc-Message": "no%20such%20item" };
	let length = 0;
	for await (const chunk of request) length += chunk.length;
	if (length > 5) header["Grpc-Status-Details-Bin"] = details();
	response.writeHead(200, header).end();
};

export const path = "/Echo/";
export const handle = (request, response) => (request.url === "/Echo/Fail" ? fail(request, response) : adapter(request, response));
