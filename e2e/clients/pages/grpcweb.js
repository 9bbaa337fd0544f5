import { Code, createClient } from "@connectrpc/connect";
import { createGrpcWebTransport } from "@connectrpc/connect-web";
import { StringValueSchema } from "@bufbuild/protobuf/wkt";

import { Echo } from "../servers/service.mjs";
import { Silent } from "./lib/silent.js";

// A call, and two that fail with a response that has no body, the last with details.
export default async ({ api, option }) => {
	const client = createClient(Echo, createGrpcWebTransport({ baseUrl: api }));
	const options = {
		timeoutMs: option === "timeoutMs" ? 20_000 : undefined,
		headers: option === "headers" ? { Authorization: "Bearer token" } : {},
	};
	const failure = async (value) => {
		try {
			await client.fail({ value }, options);
		} catch (error) {
			if (error.code === Code.NotFound) return error;
			throw error;
		}
	};
	const { value } = await client.say({ value: "hello" }, options);
	const { rawMessage } = await failure("");
	if (rawMessage !== "no such item") throw new Silent("the error has no message");
	const [detail] = (await failure("details")).findDetails(StringValueSchema);
	if (detail?.value !== "item 1") throw new Silent("the error has no details");
	return value;
};
