import { Code, createClient } from "@connectrpc/connect";
import { createGrpcWebTransport } from "@connectrpc/connect-web";
import { StringValueSchema } from "@bufbuild/protobuf/wkt";

import { Echo } from "../servers/service.mjs";
import { Silent } from "./lib/silent.js";

// Two calls, of which the second fails with a response that has no body.
export default async ({ api, option }) => {
	const client = createClient(Echo, createGrpcWebTransport({ baseUrl: api }));
	const options = {
		timeoutMs: option === "timeoutMs" ? 20_000 : undefined,
		headers: option === "headers" ? { Authorization: "Bearer token" } : {},
	};
	const { value } = await client.say({ value: "hello" }, options);
	try {
		await client.fail({ value: "hello" }, options);
	} catch (error) {
		if (error.code !== Code.NotFound) throw error;
		if (error.rawMessage !== "no such item") throw new Silent(`the error has the message ${error.rawMessage}`);
		const [detail] = error.findDetails(StringValueSchema);
		if (detail?.value !== "item 1") throw new Silent("the error has no details");
		return value;
	}
};
