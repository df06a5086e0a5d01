// Asks with the HttpClient that Java has itself. It prefers HTTP/2, and so asks to upgrade a connection to h2c.
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.net.URI;
import java.net.URLEncoder;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.HexFormat;

class JavaHttpClient {
    static String encoded(String text) {
        return URLEncoder.encode(text, StandardCharsets.UTF_8);
    }

    static URI addressOf(String base, String ask) {
        var parts = ask.split("\t");
        var query = new ArrayList<String>();
        for (int i = 1; i < parts.length; ++i) {
            var pair = parts[i].split("=", 2);
            query.add(encoded(pair[0]) + "=" + encoded(pair[1]));
        }
        return URI.create(base + parts[0] + "?" + String.join("&", query));
    }

    public static void main(String[] arguments) throws Exception {
        var client = HttpClient.newHttpClient();
        var input = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String ask; (ask = input.readLine()) != null;) {
            var request = HttpRequest.newBuilder(addressOf(arguments[0], ask));
            if (!arguments[1].isEmpty()) request.header("Accept-Language", arguments[1]);
            var answer = client.send(request.build(), HttpResponse.BodyHandlers.ofByteArray());
            var hash = HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(answer.body()));
            System.out.println(answer.statusCode() + "\t" + hash + "\t" + answer.headers().firstValue("Cache-Status").orElse(""));
        }
    }
}
