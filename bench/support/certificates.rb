# frozen_string_literal: true

require "openssl"

module Bench
  # A CA and a certificate of a server and of a client, for peers with mutual TLS. Curves as ours have: P-256.
  module Certificates
    DAY_S = 24 * 60 * 60

    module_function

    # @param folder [String] gets ca.crt, server.crt, server.key, client.crt and client.key
    def write(folder)
      ca_key = OpenSSL::PKey::EC.generate("prime256v1")
      ca = issue("ca", ca_key, nil, ca_key)
      File.write(File.join(folder, "ca.crt"), ca.to_pem)
      %w[server client].each do |who|
        key = OpenSSL::PKey::EC.generate("prime256v1")
        File.write(File.join(folder, "#{who}.key"), key.to_pem, perm: 0o600)
        File.write(File.join(folder, "#{who}.crt"), issue(who, key, ca, ca_key).to_pem)
      end
    end

    def issue(name, key, issuer, issuer_key)
      certificate = OpenSSL::X509::Certificate.new
      certificate.version = 2
      certificate.serial = OpenSSL::BN.rand(64)
      certificate.subject = OpenSSL::X509::Name.new([["CN", name]])
      certificate.issuer = (issuer || certificate).subject
      certificate.public_key = key
      certificate.not_before = Time.now - DAY_S
      certificate.not_after = Time.now + DAY_S
      restrict(certificate, issuer || certificate, issuer.nil?)
      certificate.sign(issuer_key, OpenSSL::Digest.new("SHA256"))
    end

    def restrict(certificate, issuer, is_ca)
      factory = OpenSSL::X509::ExtensionFactory.new(issuer, certificate)
      certificate.add_extension(factory.create_extension("basicConstraints", "CA:#{is_ca.to_s.upcase}", true))
      certificate.add_extension(factory.create_extension("subjectAltName", "IP:127.0.0.1"))
    end
  end
end
