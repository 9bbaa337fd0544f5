// A request whose body is written piece by piece.
export default async ({ api }) => {
	const body = new ReadableStream({
		start(controller) {
			for (const text of ["hel", "lo"]) controller.enqueue(new TextEncoder().encode(text));
			controller.close();
		},
	});
	const response = await fetch(`${api}/body`, { method: "POST", body, duplex: "half" });
	const text = await response.text();
	if (text !== "hello") throw new Error(`the server got ${text}`);
	return text;
};
