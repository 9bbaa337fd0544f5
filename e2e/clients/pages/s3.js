import {
	AbortMultipartUploadCommand,
	CreateMultipartUploadCommand,
	DeleteObjectCommand,
	GetObjectCommand,
	PutObjectCommand,
	S3Client,
	UploadPartCommand,
} from "@aws-sdk/client-s3";

import { Silent } from "./lib/silent.js";

// An object with metadata is written, read and deleted, and an upload in parts is
// given up.
export default async ({ api }) => {
	const client = new S3Client({
		endpoint: api,
		region: "us-east-1",
		forcePathStyle: true,
		maxAttempts: 1,
		credentials: { accessKeyId: "id", secretAccessKey: "secret" },
	});
	const object = { Bucket: "bucket", Key: crypto.randomUUID() };
	const { ETag } = await client.send(new PutObjectCommand({ ...object, Body: "hello", Metadata: { author: "page" } }));
	if (!ETag) throw new Silent("ETag is undefined");
	const { Body, Metadata } = await client.send(new GetObjectCommand(object));
	const text = await Body.transformToString();
	if (Metadata.author !== "page") throw new Silent("Metadata is empty");
	await client.send(new DeleteObjectCommand(object));
	const { UploadId } = await client.send(new CreateMultipartUploadCommand(object));
	await client.send(new UploadPartCommand({ ...object, UploadId, PartNumber: 1, Body: "hello" }));
	await client.send(new AbortMultipartUploadCommand({ ...object, UploadId }));
	return text;
};
