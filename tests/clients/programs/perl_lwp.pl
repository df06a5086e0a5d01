# Asks with Perl's LWP.
use strict;
use warnings;
use Digest::SHA qw(sha256_hex);
use LWP::UserAgent;
use URI;

my ($base, $language) = @ARGV;
my $agent = LWP::UserAgent->new(keep_alive => 1, timeout => 30);
my @fields = $language ? ('Accept-Language' => $language) : ();
while (my $ask = <STDIN>) {
    chomp $ask;
    my ($path, @parameters) = split /\t/, $ask;
    my $address = URI->new($base . $path);
    $address->query_form(map { split /=/, $_, 2 } @parameters);
    my $answer = $agent->get($address, 'Accept-Encoding' => 'gzip', @fields);
    my $body = $answer->decoded_content(charset => 'none');
    print join("\t", $answer->code, sha256_hex($body), $answer->header('Cache-Status') // ''), "\n";
}
