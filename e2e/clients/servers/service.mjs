// A service, which the browser's and the server's side share, without generated code.
import { create, createFileRegistry } from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema, file_google_protobuf_wrappers } from "@bufbuild/protobuf/wkt";

const method = (name, serverStreaming = false) => ({
	name,
	inputType: ".google.protobuf.StringValue",
	outputType: ".google.protobuf.StringValue",
	serverStreaming,
});
const file = create(FileDescriptorProtoSchema, {
	name: "echo.proto",
	syntax: "proto3",
	dependency: ["google/protobuf/wrappers.proto"],
	service: [{ name: "Echo", method: [method("Say"), method("Repeat", true), method("Fail")] }],
});

export const Echo = createFileRegistry(file, () => file_google_protobuf_wrappers).getService("Echo");
