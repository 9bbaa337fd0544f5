import { Silent } from "./lib/silent.js";

// What a page reads of a response besides its body.
export default async ({ api }) => {
	const response = await fetch(`${api}/download`);
	for (const name of ["Content-Disposition", "Link", "Retry-After", "X-Total-Count"]) {
		if (!response.headers.get(name)) throw new Silent(`${name} is null`);
	}
	return response.headers.get("Content-Disposition");
};
