import { io } from "socket.io-client";

// HTTP polling, and then the upgrade to a WebSocket, as is the default.
export default ({ api, option }) =>
	new Promise((resolve, reject) => {
		const options = { withCredentials: true, reconnection: false };
		if (option === "extraHeaders") options.extraHeaders = { Authorization: "Bearer token" };
		const socket = io(api, options);
		const end = (settle) => (result) => (settle(result), socket.close());
		socket.on("connect_error", end(reject));
		socket.on("disconnect", (reason) => reject(new Error(reason)));
		socket.io.engine.on("upgrade", () => socket.emit("echo", "hello", end(resolve)));
	});
