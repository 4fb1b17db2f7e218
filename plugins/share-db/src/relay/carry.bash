exec 3<>"/dev/tcp/$1/$2" || exit 1
cat <&3 &
down=$!
# A command in the background has no standard input unless it is given one.
exec 4<&0
cat <&4 >&3 &
up=$!
wait -n
kill "$down" "$up" 2>/dev/null
exit 0
