import * as Sentry from "@sentry/browser";

import { Silent } from "./lib/silent.js";

// An event, and with tracing a call of the page.
export default async ({ api, option }) => {
	const sent = [];
	const options = {
		dsn: `https://key@${new URL(api).host}/1`,
		transport: (options) => {
			const transport = Sentry.makeFetchTransport(options);
			return { ...transport, send: (envelope) => (sent.push(transport.send(envelope)), sent.at(-1)) };
		},
	};
	if (option === "tracePropagationTargets") {
		Object.assign(options, { integrations: [Sentry.browserTracingIntegration()], tracesSampleRate: 1, tracePropagationTargets: [api] });
	}
	Sentry.init(options);
	Sentry.captureMessage("hello");
	await Sentry.flush(10_000);
	const [{ headers }] = await Promise.all(sent);
	for (const name of ["X-Sentry-Rate-Limits", "Retry-After"]) {
		if (!headers[name.toLowerCase()]) throw new Silent(`${name} is null`);
	}
	const { trace, baggage } = await (await fetch(`${api}/trace`)).json();
	if (option && !(trace && baggage)) throw new Error("the trace is not propagated");
	return "hello";
};
