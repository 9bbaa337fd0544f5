// What a page has from another origin in elements, styles and scripts. The option is
// the crossorigin attribute, where there is one.
const load = (name, url, event, option) =>
	new Promise((resolve, reject) => {
		const element = document.createElement(name);
		element.crossOrigin = option === 'crossorigin="use-credentials"' ? "use-credentials" : "anonymous";
		element.addEventListener(event, () => resolve(element));
		element.addEventListener("error", reject);
		if (name === "script") element.type = "module";
		element.src = url;
		document.documentElement.append(element);
	});

const kinds = {
	font: (api) => new FontFace("font", `url("${api}/font")`).load(),
	image: async (api, option) => {
		const context = document.createElement("canvas").getContext("2d");
		context.drawImage(await load("img", `${api}/image`, "load", option), 0, 0);
		context.getImageData(0, 0, 1, 1);
	},
	module: (api, option) => load("script", `${api}/module.js`, "load", option),
	video: (api, option) => load("video", `${api}/sound`, "loadeddata", option),
	wasm: (api) => WebAssembly.compileStreaming(fetch(`${api}/wasm`)),
	// A worker's own script has to be of the page's origin, but may import another.
	worker: (api) =>
		new Promise((resolve, reject) => {
			const script = new Blob([`import("${api}/worker.js").catch((error) => postMessage(String(error)))`], { type: "text/javascript" });
			const worker = new Worker(URL.createObjectURL(script), { type: "module" });
			worker.onerror = reject;
			worker.onmessage = ({ data }) => (data === "hello" ? resolve() : reject(new Error(data)));
		}),
};

export default async ({ api, kind, option }) => {
	await kinds[kind](api, option);
	return "loaded";
};
