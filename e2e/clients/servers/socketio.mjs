import { Server } from "socket.io";

export const attach = (server) =>
	new Server(server).on("connection", (socket) => {
		socket.on("echo", (text, answer) => answer(text));
	});
