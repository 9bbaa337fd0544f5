import { createClient } from "webdav";

// A folder with a file, which is copied, moved, listed, read and deleted.
export default async ({ api, option }) => {
	const client = createClient(`${api}/dav`, { username: "page", password: "secret" });
	const overwrite = option === "overwrite: false" ? { overwrite: false } : {};
	const folder = `/${crypto.randomUUID()}`;
	await client.createDirectory(folder);
	await client.putFileContents(`${folder}/a.txt`, "hello", overwrite);
	await client.copyFile(`${folder}/a.txt`, `${folder}/b.txt`, overwrite);
	await client.moveFile(`${folder}/b.txt`, `${folder}/c.txt`, overwrite);
	const files = (await client.getDirectoryContents(folder)).map(({ basename }) => basename);
	if (files.sort().join(" ") !== "a.txt c.txt") throw new Error(`the folder has ${files}`);
	const text = await client.getFileContents(`${folder}/c.txt`, { format: "text" });
	await client.deleteFile(folder);
	return text;
};
