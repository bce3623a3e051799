#!/bin/sh
# The CGI program of an instance's HTTP server: a GET tells who answers and who asked, a POST gets its body back.
printf 'Content-Type: text/plain\r\n\r\n'
if [ "$REQUEST_METHOD" = POST ]; then
  exec cat
fi
echo "hostname: $ISTHMUS_HOSTNAME"
echo "client: $REMOTE_ADDR"
