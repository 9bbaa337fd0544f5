import { getDocument } from "pdfjs-dist";
import "pdfjs-dist/build/pdf.worker.mjs"; // so that it works in the page

import { Silent } from "./lib/silent.js";

// A page of a large file, of which only parts are loaded.
export default async ({ api, option }) => {
	const options = { url: `${api}/items.pdf`, disableAutoFetch: true, disableStream: true };
	if (option === "withCredentials: true") options.withCredentials = true;
	if (option === "httpHeaders") options.httpHeaders = { Authorization: "Bearer token" };
	const task = getDocument(options);
	let progress;
	task.onProgress = (event) => (progress = event);
	const file = await task.promise;
	const { items } = await (await file.getPage(1)).getTextContent();
	const { contentDispositionFilename } = await file.getMetadata();
	if (progress.loaded >= progress.total) throw new Silent("the whole file is loaded");
	if (option === "getMetadata" && contentDispositionFilename !== "items.pdf") throw new Silent("the file has no name");
	await task.destroy();
	return items[0].str;
};
