import { initTRPC, tracked } from "@trpc/server";
import { createHTTPHandler } from "@trpc/server/adapters/standalone";

const t = initTRPC.create();
const text = (value) => String(value);
const router = t.router({
	read: t.procedure.input(text).query(({ input }) => input),
	write: t.procedure.input(text).mutation(({ input }) => input),
	listen: t.procedure.subscription(async function* () {
		yield tracked("1", "hello");
	}),
});

export const path = "/trpc/";
export const handle = createHTTPHandler({ router, basePath: path });
