/** In a file of its own, so that the large library is loaded only when a certificate is made. */
export { generate } from 'selfsigned';
