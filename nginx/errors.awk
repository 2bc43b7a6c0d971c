# Makes the texts of nginx's own errors from the error registry (fcgi/lib/err.def), so that
# a client reads the same words whoever answers. Usage: awk -f errors.awk err.def > errors.conf
BEGIN {
	title["BAD_REQUEST"] = "Bad Request"
	title["NOT_FOUND"] = "Not Found"
	title["METHOD_NOT_ALLOWED"] = "Method Not Allowed"
	title["REQUEST_TIMEOUT"] = "Request Timeout"
	title["BODY_TOO_LARGE"] = "Content Too Large"
	title["URI_TOO_LONG"] = "URI Too Long"
	title["RATE_LIMITED"] = "Too Many Requests"
	title["HEADERS_TOO_LARGE"] = "Request Header Fields Too Large"
	title["INTERNAL"] = "Internal Server Error"
	title["BAD_GATEWAY"] = "Bad Gateway"
	title["SERVICE_UNAVAILABLE"] = "Service Unavailable"
	title["GATEWAY_TIMEOUT"] = "Gateway Timeout"
	left = 12
}

/^ERR\(/ { row = "" }
{ row = row $0 }
/"\)$/ && match(row, /^ERR\([A-Z_]+, [0-9]+, /) {
	split(substr(row, 5, RLENGTH - 6), head, ", ")
	if (head[1] in title)
		keep(head[1], head[2], substr(row, RLENGTH + 1))
	row = ""
}

function keep(code, status, texts,	part)
{
	# "English",<tab>"French")
	if (texts ~ /\\/ || split(texts, part, "\"") != 5) {
		print "errors.awk: cannot read the texts of " code > "/dev/stderr"
		exit 1
	}
	codes = codes "\t" status " " code ";\n"
	titles = titles "\t" status " \"" title[code] "\";\n"
	details = details "\t\"en " status "\" \"" part[2] "\";\n"
	details = details "\t\"fr " status "\" \"" part[4] "\";\n"
	left--
}

END {
	if (left) {
		print "errors.awk: an error that nginx answers is not in the registry" > "/dev/stderr"
		exit 1
	}
	print "# Made from fcgi/lib/err.def by nginx/errors.awk."
	printf "map $status $halle_error_code {\n%s\tdefault INTERNAL;\n}\n", codes
	printf "map $status $halle_error_title {\n%s\tdefault \"Error\";\n}\n", titles
	printf "map \"$halle_lang $status\" $halle_error_detail {\n%s\tdefault \"\";\n}\n", details
}
