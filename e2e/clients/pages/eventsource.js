// A stream that breaks off, and goes on where it did.
export default ({ api, option }) =>
	new Promise((resolve, reject) => {
		const source = new EventSource(`${api}/events`, { withCredentials: option === "withCredentials: true" });
		source.onmessage = ({ data, lastEventId }) => {
			if (lastEventId === "1") return;
			source.close();
			resolve(data);
		};
		source.onerror = (event) => {
			if (source.readyState === EventSource.CLOSED) reject(event);
		};
	});
