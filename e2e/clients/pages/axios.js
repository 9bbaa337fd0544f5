import axios from "axios";

// JSON, with the cookies of the API and a token against forged requests.
export default async ({ api }) => {
	document.cookie = "XSRF-TOKEN=token; Secure";
	const response = await axios.post(`${api}/items`, { text: "hello" }, {
		withCredentials: true,
		withXSRFToken: true,
		onUploadProgress: () => {},
	});
	return `${response.data.token} ${response.data.body.text}`;
};
