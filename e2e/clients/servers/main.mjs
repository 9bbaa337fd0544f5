// The servers of the client libraries, as one: what each adds is in a file of its own.
import { createServer } from "node:http";

import * as connect from "./connect.mjs";
import * as graphql from "./graphql.mjs";
import * as mcp from "./mcp.mjs";
import * as socketio from "./socketio.mjs";
import * as trpc from "./trpc.mjs";
import * as tus from "./tus.mjs";

const handlers = [connect, graphql, mcp, trpc, tus];
const server = createServer((request, response) => {
	const handler = handlers.find(({ path }) => request.url.startsWith(path));
	if (handler) handler.handle(request, response);
	else response.writeHead(404).end();
});
socketio.attach(server);
server.listen(0, "127.0.0.1", () => console.log(server.address().port));
