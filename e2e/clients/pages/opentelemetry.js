import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-http";
import { registerInstrumentations } from "@opentelemetry/instrumentation";
import { FetchInstrumentation } from "@opentelemetry/instrumentation-fetch";
import { WebTracerProvider } from "@opentelemetry/sdk-trace-web";

// A span that is exported, and with tracing a call of the page.
export default async ({ api, option }) => {
	const headers = option === "headers" ? { Authorization: "Bearer token" } : undefined;
	const exporter = new OTLPTraceExporter({ url: `${api}/v1/traces`, headers, timeoutMillis: 2_000 });
	const provider = new WebTracerProvider();
	provider.register();
	const span = provider.getTracer("page").startSpan("hello");
	span.end();
	await new Promise((resolve, reject) => exporter.export([span], ({ error }) => (error ? reject(error) : resolve())));
	if (option !== "propagateTraceHeaderCorsUrls") return "hello";
	registerInstrumentations({ tracerProvider: provider, instrumentations: [new FetchInstrumentation({ propagateTraceHeaderCorsUrls: [new RegExp(api)] })] });
	const { parent } = await (await fetch(`${api}/trace`)).json();
	if (!parent) throw new Error("the trace is not propagated");
	return "hello";
};
