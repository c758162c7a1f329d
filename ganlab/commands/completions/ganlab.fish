complete -c ganlab -a '(ganlab completion query (commandline -cp))'
