export { policy_abi_v1, policy_alloc } from "./abi";
export * from "./answers";
export * from "./host";
export * from "./nodes";
export * from "./records";
export * from "./setup";
