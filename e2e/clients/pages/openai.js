import OpenAI from "openai";

export default async ({ api }) => {
	const client = new OpenAI({ apiKey: "key", baseURL: `${api}/v1`, dangerouslyAllowBrowser: true, maxRetries: 0 });
	const stream = await client.chat.completions.create({ model: "model", messages: [{ role: "user", content: "hello" }], stream: true });
	let text = "";
	for await (const { choices } of stream) text += choices[0].delta.content;
	return text;
};
