import { Upload } from "tus-js-client";

// An upload in chunks, which is interrupted, resumed, and deleted.
export default async ({ api, option }) => {
	const file = new Blob(["hello, ", "world!"]);
	const options = { endpoint: `${api}/files/`, chunkSize: 7, retryDelays: null, storeFingerprintForResuming: false, metadata: { filename: "hello.txt" } };
	if (option === "addRequestId: true") options.addRequestId = true;
	if (option === "headers") options.headers = { Authorization: "Bearer token" };
	const upload = (more) =>
		new Promise((resolve, reject) => {
			const upload = new Upload(file, { ...options, ...more(() => upload), onError: reject, onSuccess: () => resolve(upload) });
			upload.start();
		});
	const url = await new Promise((resolve, reject) => {
		upload((self) => ({ onChunkComplete: () => resolve(self().abort().then(() => self().url)) })).catch(reject);
	});
	const resumed = await upload(() => ({ uploadUrl: url }));
	const response = await resumed.abort(true).then(() => fetch(url));
	return `deleted: ${response.status}`;
};
