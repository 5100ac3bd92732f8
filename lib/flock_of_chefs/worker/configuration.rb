# frozen_string_literal: true

require_relative "local_server"

module FlockOfChefs
  module Worker
    # Chef's configuration as in the run: the node's own files are evaluated again, then what the run had made of them
    # is put back, then everything that reports is switched off.
    module Configuration
      # Restored whenever the run had a value.
      RESTORED = %w[lockfile file_cache_path file_backup_path node_name solo solo_legacy_mode local_mode client_key
                    no_lazy_load].freeze
      # What holds in a worker whatever the run had.
      QUIET = { why_run: false, diff_disabled: true, enable_reporting: false, stream_execute_output: false,
                color: false, client_fork: false, interval: nil, splay: nil, log_level: :warn }.freeze

      class << self
        # @param snapshot [Hash] snapshot.json
        # @param folder [String] the folder of the generation
        def restore(snapshot, folder)
          saved = snapshot["config"]
          mode(saved)
          evaluate(saved)
          put_back(saved)
          Chef::Config.merge!(QUIET)
          Chef::Config[:cookbook_path] = [File.join(folder, "cookbooks")]
          # Chef empties this folder and fills it with cookbooks' Ohai plugins at every compile; a run may be using it.
          Chef::Config[:ohai_segment_plugin_path] = File.join(folder, "no_ohai_plugins")
          surroundings
        end

        private

        # Defaults depend on these, and a client.rb may ask for them.
        def mode(saved)
          %w[local_mode solo solo_legacy_mode].each { |name| Chef::Config[name.to_sym] = saved[name] }
          Chef::Config[:config_file] = saved["file"]
        end

        def evaluate(saved)
          file = saved["file"]
          Chef::Config.from_string(File.read(file), file) if file && File.file?(file)
          folder = saved["solo"] ? Chef::Config[:solo_d_dir] : Chef::Config[:client_d_dir]
          Dir.children(folder).grep(/\.rb\z/).sort.each { |name| from_folder(File.join(folder, name)) } if
            folder && File.directory?(folder)
        end

        def from_folder(path)
          Chef::Config.from_string(File.read(path), path) if File.file?(path)
        end

        def put_back(saved)
          RESTORED.each { |name| Chef::Config[name.to_sym] = saved[name] unless saved[name].nil? }
          # The repository's folder follows from cookbook_path by default, which is about to change.
          Chef::Config[:chef_repo_path] = saved["chef_repo_path"] || Chef::Config[:chef_repo_path]
          return LocalServer.arm if saved["local_mode"]

          Chef::Config[:chef_server_url] = saved["chef_server_url"] if saved["chef_server_url"]
        end

        def surroundings
          Chef::Config.export_proxies
          Chef::Config.init_openssl
          File.umask(Chef::Config[:umask])
          Encoding.default_external = Chef::Config[:ruby_encoding]
          Chef::Log.init($stderr)
          Chef::Log.level = :warn
        end
      end
    end
  end
end
