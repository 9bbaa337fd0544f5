import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";

// A call of a tool, and the end of the session.
export default async ({ api, option }) => {
	const options = {};
	if (option === "requestInit") options.requestInit = { headers: { Authorization: "Bearer token" } };
	const transport = new StreamableHTTPClientTransport(new URL(`${api}/mcp`), options);
	const client = new Client({ name: "page", version: "1" });
	await client.connect(transport);
	const call = async (options) => {
		const { content } = await client.callTool({ name: "echo", arguments: { text: "hello" } }, undefined, options);
		return content[0].text;
	};
	const tokens = [];
	let text = await call({ onresumptiontoken: (token) => tokens.push(token) });
	if (option === "resumptionToken") {
		// What came after the first event comes once more, as after a broken connection.
		text = await new Promise((resolve, reject) => {
			client.onerror = reject;
			call({ resumptionToken: tokens[0] }).then(resolve, reject);
		});
		client.onerror = undefined;
	}
	await transport.terminateSession();
	await client.close();
	return text;
};
