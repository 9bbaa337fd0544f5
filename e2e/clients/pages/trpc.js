import { createTRPCClient, httpBatchLink, httpBatchStreamLink, httpSubscriptionLink, splitLink } from "@trpc/client";

// A query, a mutation, and a subscription.
export default async ({ api, option }) => {
	const link = option === "httpBatchStreamLink" ? httpBatchStreamLink : httpBatchLink;
	const options = {};
	if (option === "headers") options.headers = { Authorization: "Bearer token" };
	if (option === 'credentials: "include"') options.fetch = (url, init) => fetch(url, { ...init, credentials: "include" });
	const url = `${api}/trpc`;
	const client = createTRPCClient({
		links: [
			splitLink({
				condition: ({ type }) => type === "subscription",
				true: httpSubscriptionLink({ url }),
				false: link({ url, ...options }),
			}),
		],
	});
	const read = await client.read.query("hello");
	const written = await client.write.mutate("hello");
	const heard = await new Promise((resolve, reject) => {
		const subscription = client.listen.subscribe(undefined, {
			onData: ({ data }) => (subscription.unsubscribe(), resolve(data)),
			onError: reject,
		});
	});
	return `${read} ${written} ${heard}`;
};
