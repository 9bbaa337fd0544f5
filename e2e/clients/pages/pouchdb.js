import PouchDB from "pouchdb-browser";

// A document is written, read and removed.
export default async ({ api, option }) => {
	const options = { skip_setup: true };
	if (option === "auth") options.auth = { username: "page", password: "secret" };
	const database = new PouchDB(`${api}/couch/${crypto.randomUUID()}`, options);
	await database.put({ _id: "greeting", text: "hello" });
	const document = await database.get("greeting");
	await database.remove(document);
	return document.text;
};
