import { createClient } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-web";

import { Echo } from "../servers/service.mjs";
import { Silent } from "./lib/silent.js";

export default async ({ api, option }) => {
	const client = createClient(Echo, createConnectTransport({ baseUrl: api }));
	const read = {};
	const options = {
		timeoutMs: option === "timeoutMs" ? 20_000 : undefined,
		headers: option === "headers" ? { Authorization: "Bearer token" } : {},
		onHeader: (headers) => (read.onHeader = headers.get("X-Served-By")),
		onTrailer: (trailers) => (read.onTrailer = trailers.get("X-Cost")),
	};
	const { value } = await client.say({ value: "hello" }, options);
	let streamed = "";
	for await (const { value } of client.repeat({ value: "hello" }, options.headers)) streamed = value;
	if (option in read && !read[option]) throw new Silent(`${option} has no header`);
	return `${value} ${streamed}`;
};
