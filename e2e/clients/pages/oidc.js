import { InMemoryWebStorage, IndexedDbDPoPStore, UserManager, WebStorageStateStore } from "oidc-client-ts";

// A user who signs in, is asked about, and whose token is renewed.
export default async ({ api, option }) => {
	const options = {};
	if (option === 'fetchRequestCredentials: "include"') options.fetchRequestCredentials = "include";
	if (option === "dpop") options.dpop = { store: new IndexedDbDPoPStore() };
	const manager = new UserManager({
		authority: `${api}/oidc`,
		client_id: "page",
		redirect_uri: location.href,
		loadUserInfo: true,
		userStore: new WebStorageStateStore({ store: new InMemoryWebStorage() }),
		...options,
	});
	const { profile } = await manager.signinResourceOwnerCredentials({ username: "page", password: "secret" });
	const { access_token } = await manager.signinSilent();
	if (access_token !== "renewed") throw new Error("the token is not renewed");
	return profile.name;
};
