// Silent is what a client should have said, but did not.
export class Silent extends Error {
	silent = true;
}
