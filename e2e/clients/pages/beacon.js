import { Silent } from "./lib/silent.js";

// JSON, which the server of the page says whether it has arrived.
export default async ({ api, seen }) => {
	const body = new Blob([JSON.stringify({ text: "hello" })], { type: "application/json" });
	if (!navigator.sendBeacon(`${api}/beacon`, body)) throw new Error("sendBeacon returns false");
	if (!(await seen(api, "POST"))) throw new Silent("the beacon does not arrive");
	return "hello";
};
