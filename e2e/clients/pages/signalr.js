import { HttpTransportType, HubConnectionBuilder, LogLevel } from "@microsoft/signalr";

import { Silent } from "./lib/silent.js";

// A call of the hub, and the end of the connection.
export default async ({ api, option }) => {
	const options = {};
	if (option === "HttpTransportType.LongPolling") options.transport = HttpTransportType.LongPolling;
	if (option === "accessTokenFactory") options.accessTokenFactory = () => "token";
	const connection = new HubConnectionBuilder().withUrl(`${api}/hub`, options).configureLogging(LogLevel.None).build();
	await connection.start();
	const id = connection.connectionId;
	const answer = await connection.invoke("Echo", "hello");
	await connection.stop();
	const open = await (await fetch(`${api}/hub/connections?id=${id}`)).text();
	if (open === "open") throw new Silent("the server has the connection still open");
	return answer;
};
