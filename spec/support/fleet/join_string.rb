# frozen_string_literal: true

require "base64"
require "digest"
require "json"

class Fleet
  # What a join string says, for specs that tell a lie with it.
  module JoinString
    module_function

    # @param text [String]
    # @param lies [Hash{String => Object}] "h" the hubs, "p" the pin of the root, "t" the token, "s" its secret
    # @return [String] a well-formed join string that says something else
    def alter(text, **lies)
      json = Base64.urlsafe_decode64(text.delete_prefix("flock1."))[..-5]
      told = JSON.generate(JSON.parse(json).merge(lies.transform_keys(&:to_s)))
      "flock1.#{Base64.urlsafe_encode64(told + Digest::SHA256.digest(told)[..3], padding: false)}"
    end
  end
end
