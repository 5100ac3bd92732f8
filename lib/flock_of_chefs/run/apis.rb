# frozen_string_literal: true

require "digest"
require_relative "../api/registry"
require_relative "../version"

module FlockOfChefs
  module Run
    # What a snapshot keeps of the APIs that its cookbooks define: their names, and a digest of all that a host of them
    # loads. With the same digest a host goes on as it is; with none, runs leave hosts alone.
    module Apis
      # The record's name in a snapshot.
      FILE = "apis.json"

      class << self
        # @param cookbooks [Enumerable<Chef::CookbookVersion>] of the run
        # @param generation [Integer]
        # @return [Hash] the record
        def describe(cookbooks, generation)
          files = cookbooks.to_h { |cookbook| [cookbook.name.to_s, libraries(cookbook)] }
          folders = cookbooks.map { |cookbook| "#{cookbook.root_dir}/" }
          { "generation" => generation, "digest" => digest(files),
            "apis" => Api::Registry.entries.filter_map { |entry| entry(entry, folders) } }
        end

        private

        def libraries(cookbook)
          prefix = "#{cookbook.root_dir}/"
          paths = cookbook.files_for("libraries").filter_map { |record| record["full_path"] }
          paths.select { |path| path.start_with?(prefix) && File.file?(path) }.sort
               .to_h { |path| [path.delete_prefix(prefix), Digest::SHA256.file(path).hexdigest] }
        end

        # What is loaded from elsewhere is no API of the cookbooks: a host would not find it.
        def entry(entry, folders)
          folder = folders.find { |path| entry.file.start_with?(path) } or return
          file = File.join(File.basename(folder), entry.file.delete_prefix(folder))
          { "name" => entry.api, "class" => entry.implementation.name.to_s, "file" => file }
        end

        def digest(files)
          Digest::SHA256.hexdigest(JSON.generate([files.sort, VERSION, ::Chef::VERSION, RbConfig.ruby]))
        end
      end
    end
  end
end
