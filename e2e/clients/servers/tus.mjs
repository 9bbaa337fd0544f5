import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { FileStore } from "@tus/file-store";
import { Server } from "@tus/server";

const directory = mkdtempSync(join(tmpdir(), "tus-"));
process.on("exit", () => rmSync(directory, { recursive: true }));
process.on("SIGTERM", () => process.exit());

const server = new Server({ path: "/files", datastore: new FileStore({ directory }), respectForwardedHeaders: true });

export const path = "/files";
export const handle = (request, response) => server.handle(request, response);
