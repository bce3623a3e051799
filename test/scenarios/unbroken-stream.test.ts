// The scenario of unbroken-stream.ts with routers in namespaces.
import { unbrokenStream } from './unbroken-stream.ts';

unbrokenStream();
