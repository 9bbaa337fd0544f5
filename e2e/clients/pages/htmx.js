import htmx from "htmx.org";

import { Silent } from "./lib/silent.js";

htmx.config.mode = "cors";

const attributes = {
	"hx-delete": (api) => ({ "hx-delete": `${api}/fragment` }),
	"hx-headers": () => ({ "hx-headers": '{"Authorization": "Bearer token"}' }),
	'hx-config=\'{"credentials": "include"}\'': () => ({ "hx-config": '{"credentials": "include"}' }),
};

// A button whose text comes from the API, with an event that the response names.
export default ({ api, option }) =>
	new Promise((resolve, reject) => {
		const button = document.createElement("button");
		const more = attributes[option]?.(api) ?? {};
		if (!more["hx-delete"]) more["hx-post"] = `${api}/fragment`;
		for (const [name, value] of Object.entries(more)) button.setAttribute(name, value);
		let saved = false;
		button.addEventListener("saved", () => (saved = true));
		button.addEventListener("htmx:error", ({ detail }) => reject(detail.error));
		button.addEventListener("htmx:finally:request", () => {
			if (!saved) reject(new Silent("the event does not come"));
			resolve(button.textContent);
			button.remove();
		});
		document.documentElement.append(button);
		htmx.process(button);
		button.click();
	});
