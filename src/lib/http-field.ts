/** The valid names of headers: RFC 9110 section 5.6.2. */
export const FIELD_NAME = /^[\w!#$%&'*+.^`|~-]+$/;
/** The valid values of headers and reasons of statuses, one character a byte: RFC 9110 section 5.5. */
export const FIELD_VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;
