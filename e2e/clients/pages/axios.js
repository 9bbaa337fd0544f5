import axios from "axios";

// JSON, with a token against forged requests.
export default async ({ api, option }) => {
	const options = { onUploadProgress: () => {} };
	if (option === "withCredentials: true") options.withCredentials = true;
	if (option === "withXSRFToken: true") {
		document.cookie = "XSRF-TOKEN=token; Secure";
		options.withXSRFToken = true;
	}
	if (option === "headers") options.headers = { Authorization: "Bearer token" };
	const { data } = await axios.post(`${api}/items`, { text: "hello" }, options);
	if (options.withXSRFToken && data.token !== "token") throw new Error("the token did not arrive");
	return data.body.text;
};
