import { GetObjectCommand, PutObjectCommand, S3Client } from "@aws-sdk/client-s3";
import { getSignedUrl } from "@aws-sdk/s3-request-presigner";

import { Silent } from "./lib/silent.js";

// The URLs are signed here, as by a server.
export default async ({ api }) => {
	const client = new S3Client({
		endpoint: api,
		region: "us-east-1",
		forcePathStyle: true,
		credentials: { accessKeyId: "id", secretAccessKey: "secret" },
	});
	const object = { Bucket: "bucket", Key: `${crypto.randomUUID()}.txt` };
	const headers = { "Content-Type": "text/markdown" };
	const put = await getSignedUrl(client, new PutObjectCommand({ ...object, ContentType: headers["Content-Type"] }), { signableHeaders: new Set(["content-type"]) });
	const response = await fetch(put, { method: "PUT", headers, body: "hello" });
	if (!response.ok) throw new Error(`status ${response.status}: ${await response.text()}`);
	if (!response.headers.get("ETag")) throw new Silent("ETag is null");
	return (await fetch(await getSignedUrl(client, new GetObjectCommand(object)))).text();
};
