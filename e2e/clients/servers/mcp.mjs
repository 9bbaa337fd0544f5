// A server of the Model Context Protocol, with sessions whose streams can be resumed.
import { randomUUID } from "node:crypto";

import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js";
import { StreamableHTTPServerTransport } from "@modelcontextprotocol/sdk/server/streamableHttp.js";
import { z } from "zod";

const sessions = new Map();

// newEventStore keeps the events of a session in their order, so that they can be sent again.
const newEventStore = () => {
	const events = [];
	return {
		storeEvent: async (stream, message) => String(events.push({ stream, message }) - 1),
		replayEventsAfter: async (last, { send }) => {
			const { stream } = events[last];
			for (let id = Number(last) + 1; id < events.length; id++) {
				if (events[id].stream === stream) await send(String(id), events[id].message);
			}
			return stream;
		},
	};
};

const open = async () => {
	const server = new McpServer({ name: "echo", version: "1" });
	server.registerTool("echo", { inputSchema: { text: z.string() } }, ({ text }) => ({ content: [{ type: "text", text }] }));
	const transport = new StreamableHTTPServerTransport({
		sessionIdGenerator: randomUUID,
		eventStore: newEventStore(),
		onsessioninitialized: (id) => sessions.set(id, transport),
		onsessionclosed: (id) => sessions.delete(id),
	});
	await server.connect(transport);
	return transport;
};

export const path = "/mcp";
export const handle = async (request, response) => {
	const transport = sessions.get(request.headers["mcp-session-id"]) ?? (await open());
	await transport.handleRequest(request, response);
};
