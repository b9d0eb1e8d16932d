import { failuresOf } from "../core/failures.ts";

export const failure = failuresOf("ppp");
