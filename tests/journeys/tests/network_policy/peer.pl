# What every pod of this story runs, in perl because Debian images always have it.
#   serve PORT...   sends back what it gets, over TCP and UDP
#   probe           does what each line of stdin says, and says on a line of stdout what came of it:
#                   tcp|udp HOST PORT, name NAME; hold HOST PORT opens a connection that stays, say
#                   HOST PORT speaks on it
use strict;
use warnings;
use Errno qw(ECONNREFUSED ECONNRESET);
use IO::Select;
use IO::Socket::INET;

use constant MESSAGE => "GET / HTTP/1.0\r\n\r\n";    # the API server answers this without TLS too
use constant PATIENCE => 3;    # seconds until a silence counts as one

$SIG{PIPE} = 'IGNORE';
$| = 1;
my $role = shift;
$role eq 'serve' ? serve(@ARGV) : probe();

sub serve {
    my %listener;
    my $all = IO::Select->new;
    for my $port (@_) {
        my $tcp = IO::Socket::INET->new(LocalPort => $port, Listen => 16, ReuseAddr => 1) or die $!;
        my $udp = IO::Socket::INET->new(LocalPort => $port, Proto => 'udp') or die $!;
        $listener{$tcp} = 1;
        $all->add($tcp, $udp);
    }
    while (my @ready = $all->can_read) {
        for my $socket (@ready) {
            if ($listener{$socket}) {
                $all->add($socket->accept);
                next;
            }
            my $data;
            if (defined $socket->recv($data, 4096) && length $data) {
                $socket->send($data);
            }
            elsif ($socket->socktype == SOCK_STREAM) {
                $all->remove($socket);
                $socket->close;
            }
        }
    }
}

sub probe {
    my %held;
    while (my $line = <STDIN>) {
        my ($verb, $host, $port) = split ' ', $line;
        if ($verb eq 'name') {
            print gethostbyname($host) ? "answered\n" : "unresolved\n";
        }
        elsif ($verb eq 'say') {
            print exchange($held{"$host $port"}), "\n";
        }
        else {
            my $socket = IO::Socket::INET->new(
                PeerAddr => $host,
                PeerPort => $port,
                Proto    => $verb eq 'udp' ? 'udp' : 'tcp',
                Blocking => 0,
            );
            my $outcome = $socket ? connected($socket) || exchange($socket) : failure();
            print "$outcome\n";
            $held{"$host $port"} = $socket if $verb eq 'hold';
        }
    }
}

# Why a socket is not connected, if it is not. IO::Socket's own timeout overlooks refusals by ICMP.
sub connected {
    my ($socket) = @_;
    return 'silent' unless IO::Select->new($socket)->can_write(PATIENCE);
    $! = $socket->sockopt(SO_ERROR);
    $socket->blocking(1);
    return $! ? failure() : undef;
}

sub exchange {
    my ($socket) = @_;
    return 'closed' unless $socket && defined syswrite($socket, MESSAGE);
    return 'silent' unless IO::Select->new($socket)->can_read(PATIENCE);
    my $read = sysread($socket, my $data, 4096);
    return defined $read ? ($read ? 'answered' : 'closed') : failure();
}

sub failure {
    return $! == ECONNREFUSED ? 'refused' : $! == ECONNRESET ? 'reset' : 'silent';
}
