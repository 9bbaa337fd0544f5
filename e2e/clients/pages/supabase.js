import { createClient } from "@supabase/supabase-js";

import { Silent } from "./lib/silent.js";

const check = ({ data, count, error }) => {
	if (error) throw error;
	return { data, count };
};

// What else a page can do besides reading and writing rows.
const others = {
	signInWithPassword: ({ auth }) => auth.signInWithPassword({ email: "page@example.com", password: "secret" }).then(check),
	upload: ({ storage }) => storage.from("files").upload("hello.txt", new Blob(["hello"])).then(check),
	count: async (client) => {
		const { count } = check(await client.from("items").select("*", { count: "exact" }));
		if (count !== 1) throw new Silent("count is null");
	},
};

export default async ({ api, option }) => {
	const client = createClient(api, "key", { auth: { persistSession: false, autoRefreshToken: false } });
	const { data } = check(await client.from("items").select());
	check(await client.from("items").insert({ text: "hello" }).select());
	check(await client.from("items").update({ text: "hello" }).eq("id", 1));
	check(await client.from("items").delete().eq("id", 1));
	if (option) await others[option](client);
	return data[0].text;
};
